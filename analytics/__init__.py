"""From the facts of sessions to answers: loading, publishing, questions and reports."""
