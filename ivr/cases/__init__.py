"""What becomes of a recording (工单): who has it, until when, and what came of it."""
