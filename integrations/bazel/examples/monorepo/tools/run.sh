#!/bin/sh
exec python3 -m service.main "$@"
