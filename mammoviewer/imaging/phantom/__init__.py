"""A breast made of numbers: tissue, lesions, projections and tomosynthesis of an exam that belongs to nobody."""
