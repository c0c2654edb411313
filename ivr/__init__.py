"""The 12329 hotline: calls, dialogues, look-ups and the facts they leave."""
