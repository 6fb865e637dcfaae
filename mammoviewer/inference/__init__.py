"""Classifiers: their bundles, the pixels they see, the heatmaps and explanations they give. No torch, no Qt."""
