import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.util.Base64;
import java.util.Map;
import javax.xml.crypto.KeySelector;
import javax.xml.crypto.dsig.XMLSignature;
import javax.xml.crypto.dsig.XMLSignatureFactory;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/**
 * Verifies the signatures of assertions with the JDK's own implementation of XML Signature, under its secure validation. Each line
 * of standard input is the path of a document and, after a tab, that of the certificate whose key is trusted; each line of the
 * output is "ok" and the octets that were digested, in base64, or "no" and the reason.
 */
public class Verify {
    /** The name of the identifier, by the namespace of the assertion. */
    private static final Map<String, String> IDENTIFIERS = Map.of(
            "urn:oasis:names:tc:SAML:1.0:assertion", "AssertionID",
            "urn:oasis:names:tc:SAML:2.0:assertion", "ID");

    public static void main(String[] args) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String[] paths = line.split("\t");
            String verdict;
            try {
                verdict = "ok " + Base64.getEncoder().encodeToString(verify(Path.of(paths[0]), key(Path.of(paths[1]))));
            } catch (Exception e) {
                verdict = "no " + String.valueOf(e).replaceAll("\\s+", " ");
            }
            System.out.println(verdict);
            System.out.flush();
        }
    }

    private static PublicKey key(Path certificate) throws Exception {
        try (var in = Files.newInputStream(certificate)) {
            return CertificateFactory.getInstance("X.509").generateCertificate(in).getPublicKey();
        }
    }

    private static byte[] verify(Path path, PublicKey key) throws Exception {
        Element assertion = assertion(path);
        String name = IDENTIFIERS.get(assertion.getNamespaceURI());
        var context = new DOMValidateContext(KeySelector.singletonKeySelector(key), signature(assertion));
        context.setProperty("org.jcp.xml.dsig.secureValidation", Boolean.TRUE);
        context.setProperty("javax.xml.crypto.dsig.cacheReference", Boolean.TRUE);
        context.setIdAttributeNS(assertion, null, name);
        XMLSignature signature = XMLSignatureFactory.getInstance("DOM").unmarshalXMLSignature(context);
        if (!signature.validate(context)) {
            throw new IllegalArgumentException("the signature does not hold");
        }
        var references = signature.getSignedInfo().getReferences();
        if (references.size() != 1 || !("#" + assertion.getAttribute(name)).equals(references.get(0).getURI())) {
            throw new IllegalArgumentException("something else than the assertion is signed");
        }
        var octets = new ByteArrayOutputStream();
        try (var in = references.get(0).getDigestInputStream()) {
            in.transferTo(octets);
        }
        return octets.toByteArray();
    }

    /** The document itself, or the one in the envelope. */
    private static Element assertion(Path path) throws Exception {
        var factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        DocumentBuilder builder = factory.newDocumentBuilder();
        builder.setErrorHandler(null);
        Element root;
        try (var in = Files.newInputStream(path)) {
            root = builder.parse(new InputSource(in)).getDocumentElement();
        }
        if (!IDENTIFIERS.containsKey(root.getNamespaceURI())) {
            NodeList tokens = root.getElementsByTagNameNS("*", "RequestedSecurityToken");
            if (tokens.getLength() != 1) {
                throw new IllegalArgumentException("not one token");
            }
            root = only((Element) tokens.item(0), "Assertion");
        }
        if (!IDENTIFIERS.containsKey(root.getNamespaceURI()) || !"Assertion".equals(root.getLocalName())) {
            throw new IllegalArgumentException("no assertion");
        }
        return root;
    }

    private static Element signature(Element assertion) {
        return only(assertion, "Signature");
    }

    private static Element only(Element parent, String name) {
        Element found = null;
        for (Node n = parent.getFirstChild(); n != null; n = n.getNextSibling()) {
            if (n instanceof Element e && name.equals(e.getLocalName())) {
                if (found != null) {
                    throw new IllegalArgumentException("more than one " + name);
                }
                found = e;
            }
        }
        if (found == null) {
            throw new IllegalArgumentException("no " + name);
        }
        return found;
    }
}
