"""Which jobs: one grammar for the API, the pages and the command line, and cursors to page by."""

from jobs.search.count import Count, count_up_to
from jobs.search.cursor import Page, page_of
from jobs.search.edit import with_field, without
from jobs.search.query import Search, search

__all__ = ["Count", "Page", "Search", "count_up_to", "page_of", "search", "with_field", "without"]
