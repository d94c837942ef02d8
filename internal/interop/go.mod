module github.com/tenantdoor/tenantdoor/internal/interop

go 1.26.0

require github.com/tenantdoor/tenantdoor v0.0.0

replace github.com/tenantdoor/tenantdoor => ../../
