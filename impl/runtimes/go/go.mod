module connbench.example/programs

go 1.19
