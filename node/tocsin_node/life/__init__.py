"""A signal's life: its entries, and the one function that says what state they come to."""
