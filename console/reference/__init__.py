"""Generated pages of the documentation: each module makes the text of one page in
`docs/reference/`, which `console.published` writes."""
