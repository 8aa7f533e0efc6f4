" vim-tiny starts in vi-compatible mode, where arrow keys and backspace surprise a newcomer.
set nocompatible
set backspace=indent,eol,start
set ruler
