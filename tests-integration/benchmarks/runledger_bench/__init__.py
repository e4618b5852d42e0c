"""
The benchmark suite: scenarios, what they share, and the comparison with peers.

`tally` and the drivers of peers run in environments that hold nothing of ours: this
file imports nothing.
"""
