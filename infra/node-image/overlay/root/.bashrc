# Interactive shells of the node's root.
[ -z "$PS1" ] && return

HISTCONTROL=ignoredups
HISTSIZE=10000
shopt -s checkwinsize histappend

alias ls='ls --color=auto'
alias ll='ls -l'
alias grep='grep --color=auto'

if [ -f /usr/share/bash-completion/bash_completion ] && ! shopt -oq posix; then
    . /usr/share/bash-completion/bash_completion
fi

# The prompt says whose machine this is: the node's name and the address other nodes reach it by, which is the
# source address of its default route (docker0 has an address too, but that one is private to the node).
__node_address() {
    local word previous=
    for word in $(ip -4 -o route get 192.0.2.1 2>/dev/null); do
        if [ "$previous" = src ]; then
            printf '%s' "$word"
            return
        fi
        previous=$word
    done
    hostname -i 2>/dev/null | cut -d ' ' -f 1
}
PS1='\[\e[1;31m\][\h]\[\e[0m\] \[\e[32m\](local)\[\e[0m\] \[\e[34m\]\u@'"$(__node_address)"'\[\e[0m\] \[\e[35m\]\w\[\e[0m\]\n$ '
unset -f __node_address
