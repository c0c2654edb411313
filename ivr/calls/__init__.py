"""One call's verbs: say, menu, collect, record, transfer; and what it hears."""
