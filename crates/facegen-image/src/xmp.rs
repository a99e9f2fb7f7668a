//! The metadata of generated images: an XMP packet (ISO 16684-1) with IPTC's
//! digital source type, which search engines and platforms read.
//!
//! Without parameters it is the same in all images of a version, and holds nothing
//! about the person, the key or the prompt. The same request gives the same bytes.

use crate::Provenance;

/// The declaration that a description needs.
const DUBLIN_CORE: &str = "    xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n";

/// The text chunk of a PNG that holds XMP.
pub(crate) const KEYWORD: &str = "XML:com.adobe.xmp";

/// Returns the XMP packet of an image.
pub(crate) fn packet(provenance: &Provenance) -> String {
    let generator = escaped(&provenance.generator);
    let (namespace, description) = match &provenance.parameters {
        None => ("", "/>".to_owned()),
        Some(parameters) => (DUBLIN_CORE, description(parameters.as_str())),
    };
    format!(
        concat!(
            "<?xpacket begin=\"\u{FEFF}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n",
            "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n",
            " <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n",
            "  <rdf:Description rdf:about=\"\"\n",
            "    xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n",
            "    xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\"\n",
            "{}",
            "    xmp:CreatorTool=\"{}\"\n",
            "    Iptc4xmpExt:DigitalSourceType=\"http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia\"{}\n",
            " </rdf:RDF>\n",
            "</x:xmpmeta>\n",
            "<?xpacket end=\"r\"?>",
        ),
        namespace, generator, description
    )
}

/// Returns the rest of the element, with a text of its own.
fn description(text: &str) -> String {
    format!(
        concat!(
            ">\n",
            "   <dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">{}</rdf:li></rdf:Alt></dc:description>\n",
            "  </rdf:Description>",
        ),
        escaped(text)
    )
}

/// Escapes a text for an attribute or an element.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
