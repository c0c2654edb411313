"""What several machines of one line agree on, in a database that all reach: `[state]`."""

THIS_NODE_ONLY = (
    "只有本节点：共享数据库不通，别的节点等它恢复才知道；急的话在每个节点上各做一次"
    " · this node only: the others learn it when shared state is back"
)
"""What whoever changes something of the line is told while the database is away."""
