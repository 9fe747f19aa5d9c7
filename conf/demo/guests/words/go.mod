module wasmserve.example/demo/words

go 1.21
