namespace RlPrimitives.Models.Tokenizers;
/// <summary>stub</summary>
public abstract class HuggingFaceTokenizer : ITokenizer {
/// <summary>stub</summary>
public static HuggingFaceTokenizer FromPretrained(string f)=>throw new InvalidOperationException(f);
/// <summary>stub</summary>
public abstract void Save(string f);
/// <summary>stub</summary>
public abstract int VocabularySize {get;}
/// <summary>stub</summary>
public abstract int? BosTokenId {get;}
/// <summary>stub</summary>
public abstract int? EosTokenId {get;}
/// <summary>stub</summary>
public abstract int? PadTokenId {get;}
/// <summary>stub</summary>
public abstract int[] Encode(string text, bool addSpecialTokens = false);
/// <summary>stub</summary>
public abstract string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true);
/// <summary>stub</summary>
public abstract IStreamingDecoder CreateStreamingDecoder(bool skipSpecialTokens = true);
}
