// Unions by code as the vault has them: a oneof whose cases are the codes, "membersAdded" for 'members-added', with
// the rest of the fields in its value. The types hold the two lists to each other.

type Kebab<S extends string> = S extends `${infer First}${infer Rest}`
  ? First extends Lowercase<First>
    ? `${First}${Kebab<Rest>}`
    : `-${Lowercase<First>}${Kebab<Rest>}`
  : S

/** The union that a oneof stands for. */
type CodedBy<Oneof> = Oneof extends { case: infer Case extends string; value: infer Value }
  ? { code: Kebab<Case> } & Omit<Value, '$typeName' | '$unknown'>
  : never

export const kebab = <S extends string>(name: S): Kebab<S> =>
  name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`) as Kebab<S>

const camel = (code: string): string => code.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())

/** undefined where a newer version has written a case that this one does not know. */
export function codedOf<Oneof extends { case: string | undefined; value?: object | undefined }>(
  oneof: Oneof | undefined,
): CodedBy<Oneof> | undefined {
  if (oneof?.case === undefined) return undefined
  const { $typeName: _, ...data } = { $typeName: '', ...oneof.value }
  return { ...data, code: kebab(oneof.case) } as CodedBy<Oneof>
}

/** A record has this for the code. */
export function oneofOf<Oneof extends { case: string | undefined }>(coded: CodedBy<Oneof>): Oneof {
  const { code, ...value } = coded as { code: string }
  return { case: camel(code), value } as object as Oneof
}
