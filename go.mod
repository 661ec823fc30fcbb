module seven-servers

go 1.26
