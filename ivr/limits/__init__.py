"""How often one caller may try, and who is locked out."""
