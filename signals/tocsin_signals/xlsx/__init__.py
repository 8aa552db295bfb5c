"""Workbooks (.xlsx, ECMA-376) read for what stands in the cells of one sheet: bounded, streaming, never evaluating.

`archive` opens the ZIP after looking at its directory, `xml` reads a part without entities or documents types,
`book` knows sheets, styles and shared texts, `sheet` gives the rows. Nothing is written to disk and no formula is
computed. What each cell may mean is for `xlsxfile` to say.
"""
