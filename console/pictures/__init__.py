"""Pictures of numbers as plain shapes, which a page shows as SVG and a PDF draws as vectors."""
