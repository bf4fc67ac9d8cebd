# sip
