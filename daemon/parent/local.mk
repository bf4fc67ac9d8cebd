# parent
