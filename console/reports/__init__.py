"""Reports as documents: one content, shown as an HTML page or as a PDF."""
