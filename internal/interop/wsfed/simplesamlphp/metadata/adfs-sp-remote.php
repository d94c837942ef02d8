<?php

$metadata['urn:interop:tenantdoor'] = [
    'prp' => 'http://localhost:8080/sso/callback/wsfed',
    'simplesaml.nameidattribute' => 'employeeNumber',
];
// Somebody else's relying party, at which the same people sign in.
$metadata['urn:interop:other'] = [
    'prp' => 'http://localhost:8080/sso/callback/wsfed',
    'simplesaml.nameidattribute' => 'employeeNumber',
];
