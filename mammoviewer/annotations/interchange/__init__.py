"""Files by which findings and heatmaps go to other programs."""
