"""The whole stack on one machine: the built template deployed into MiniStack, functions on AWS's own runtime client.

`python -m local --help` says what it takes, `docs/decisions.md` why it is built like this.
"""
