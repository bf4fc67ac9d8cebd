# srtp
