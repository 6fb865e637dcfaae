"""Pure arrays: values of interest, geometry, resampling, masks, filters, colours, drawing, phantoms. No DICOM."""
