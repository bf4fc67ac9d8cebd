# mikey
