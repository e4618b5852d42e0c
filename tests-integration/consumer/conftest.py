"""Projects of consumers: they run in environments of their own, not in this one."""

collect_ignore_glob = ["*"]
