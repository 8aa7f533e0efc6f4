PS1='\[\e[1;32m\]root@node1\[\e[0m\] \[\e[36m\]10.77.0.2\[\e[0m\] \[\e[1;34m\]\w\[\e[0m\]# '
alias ls='ls --color=auto'
