module portus.example/lab/pause

go 1.21
