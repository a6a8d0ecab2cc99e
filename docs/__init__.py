"""The site, the pages that code writes for it, and what runs the blocks of the documents."""
