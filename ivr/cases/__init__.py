"""What becomes of a complaint, a suggestion or a message: who has it, until when, what came of it."""
