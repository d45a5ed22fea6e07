module adversary

go 1.21
