# Login shells read this file; what interactive shells need is in .bashrc.
if [ -n "$BASH_VERSION" ] && [ -f ~/.bashrc ]; then
    . ~/.bashrc
fi
