<?php

$metadata['urn:interop:simplesamlphp'] = [
    'host' => '__DEFAULT__',
    'privatekey' => 'provider.key',
    'certificate' => 'provider.crt',
    'auth' => 'people',
    'authproc' => [
        100 => ['class' => 'core:AttributeMap', 'name2claim'], // LDAP's names to claims, as the module's manual has it
    ],
];
