"""A solution as a page: one document of plain data, and the modules of the browser that show it."""
