module wasmserve.example/demo/app

go 1.19
