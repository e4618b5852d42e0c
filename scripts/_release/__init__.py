"""What the release scripts are made of; docs/design/releases.md says why."""
