"""The image area: viewports that paint pictures, marks and text, and the tools of the hand."""
