"""From session facts to answers: loading, publishing and asking."""
