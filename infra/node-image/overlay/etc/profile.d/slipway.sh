# UTF-8 everywhere, without a locale package.
export LANG=C.UTF-8
export EDITOR=nano
