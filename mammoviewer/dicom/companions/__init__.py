"""Objects that tell something about an image and are laid over it: presentation states, segmentations, reports."""
