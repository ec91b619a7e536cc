"""The archive: issues of public lists as pages, feeds and a sitemap, served or written as files."""
