"""The whole product on one machine: embedded servers, supervisor, `make up` and `make demo`."""
