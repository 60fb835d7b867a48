"""What is to be done: specifications, sets of rows, one-line tasks, and their graph."""
