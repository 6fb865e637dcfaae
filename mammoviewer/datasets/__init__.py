"""Public patch sets, patches of labelled regions, and splits that keep a patient on one side."""
