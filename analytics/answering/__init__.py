"""From questions to answers: tables, charts, pages, files."""
