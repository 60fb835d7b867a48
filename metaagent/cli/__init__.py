"""One file per noun: parse, call one core function, render."""
