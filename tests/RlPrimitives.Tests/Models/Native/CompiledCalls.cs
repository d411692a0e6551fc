using System.Collections.Immutable;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace RlPrimitives.Tests.Models.Native;

/// <summary>Who calls whom in an assembly, read from its compiled code: a method's name is <c>Namespace.Type/Nested::Name(types)</c>.</summary>
internal sealed class CompiledCalls : ISignatureTypeProvider<string, object?>
{
    private static readonly Dictionary<ushort, OperandType> Operands =
        typeof(OpCodes).GetFields().Select(f => (OpCode)f.GetValue(null)!).ToDictionary(o => (ushort)o.Value, o => o.OperandType);

    private readonly MetadataReader metadata;

    private CompiledCalls(MetadataReader metadata) => this.metadata = metadata;

    /// <summary>Every call, and every method that a delegate is made of.</summary>
    public static List<(string Caller, string Callee)> Of(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        var calls = new CompiledCalls(file.GetMetadataReader());
        var found = new List<(string, string)>();
        foreach (var handle in calls.metadata.MethodDefinitions)
        {
            if (calls.metadata.GetMethodDefinition(handle).RelativeVirtualAddress is > 0 and var address)
            {
                var caller = calls.Name(handle);
                found.AddRange(Tokens(file.GetMethodBody(address).GetILReader()).Select(token => (caller, calls.Name(token))));
            }
        }

        return found;
    }

    private static List<EntityHandle> Tokens(BlobReader code)
    {
        var found = new List<EntityHandle>();
        while (code.RemainingBytes > 0)
        {
            ushort value = code.ReadByte();
            switch (Operands[value == 0xFE ? (ushort)(0xFE00 | code.ReadByte()) : value])
            {
                case OperandType.InlineNone:
                    break;
                case OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar:
                    code.Offset += 1;
                    break;
                case OperandType.InlineVar:
                    code.Offset += 2;
                    break;
                case OperandType.InlineI8 or OperandType.InlineR:
                    code.Offset += 8;
                    break;
                case OperandType.InlineSwitch:
                    var targets = code.ReadInt32();
                    code.Offset += 4 * targets;
                    break;
                case OperandType.InlineMethod:
                    found.Add(MetadataTokens.EntityHandle(code.ReadInt32()));
                    break;
                default:
                    code.Offset += 4;
                    break;
            }
        }

        return found;
    }

    private string Name(EntityHandle handle) => handle.Kind switch
    {
        HandleKind.MethodDefinition when metadata.GetMethodDefinition((MethodDefinitionHandle)handle) is var method =>
            $"{Name(method.GetDeclaringType())}::{metadata.GetString(method.Name)}({string.Join(", ", method.DecodeSignature(this, null).ParameterTypes)})",
        HandleKind.MemberReference when metadata.GetMemberReference((MemberReferenceHandle)handle) is var member =>
            $"{Name(member.Parent)}::{metadata.GetString(member.Name)}({string.Join(", ", member.DecodeMethodSignature(this, null).ParameterTypes)})",
        HandleKind.MethodSpecification => Name(metadata.GetMethodSpecification((MethodSpecificationHandle)handle).Method),
        HandleKind.TypeDefinition when metadata.GetTypeDefinition((TypeDefinitionHandle)handle) is var type =>
            $"{(type.GetDeclaringType() is { IsNil: false } outer ? $"{Name(outer)}/" : $"{metadata.GetString(type.Namespace)}.")}{metadata.GetString(type.Name)}",
        HandleKind.TypeReference when metadata.GetTypeReference((TypeReferenceHandle)handle) is var type =>
            $"{(type.ResolutionScope.Kind == HandleKind.TypeReference ? $"{Name(type.ResolutionScope)}/" : $"{metadata.GetString(type.Namespace)}.")}{metadata.GetString(type.Name)}",
        _ => "",
    };

    public string GetPrimitiveType(PrimitiveTypeCode typeCode) => $"{typeCode}";

    public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => Name(handle);

    public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => Name(handle);

    public string GetTypeFromSpecification(MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind) => "";

    public string GetGenericInstantiation(string genericType, ImmutableArray<string> typeArguments) => $"{genericType}<{string.Join(", ", typeArguments)}>";

    public string GetGenericMethodParameter(object? genericContext, int index) => $"!!{index}";

    public string GetGenericTypeParameter(object? genericContext, int index) => $"!{index}";

    public string GetSZArrayType(string elementType) => $"{elementType}[]";

    public string GetArrayType(string elementType, ArrayShape shape) => $"{elementType}[{new string(',', shape.Rank - 1)}]";

    public string GetByReferenceType(string elementType) => $"{elementType}&";

    public string GetPointerType(string elementType) => $"{elementType}*";

    public string GetPinnedType(string elementType) => elementType;

    public string GetModifiedType(string modifier, string unmodifiedType, bool isRequired) => unmodifiedType;

    public string GetFunctionPointerType(MethodSignature<string> signature) => "function*";
}
